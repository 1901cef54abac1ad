"""Clips for the tests, made by ffmpeg the first time one is asked for."""

import shutil
import subprocess
from pathlib import Path

import pytest

_TEST_CARD = "-f lavfi -i testsrc2=size=320x240:rate={rate} -t {seconds}"
_H264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p"
_CAMERA = f"{_H264} -bf 0 -g 15 -x264-params aud=1:repeat-headers=1:slices=1:scenecut=0"
_COUNTED = "fade=in:0:195:color=black,noise=alls=20:allf=t"
_TWO_S = _TEST_CARD.format(rate=25, seconds=2)
_HALF_S = _TEST_CARD.format(rate=10, seconds=0.5)

_SOUND = "-f lavfi -i sine=d=6"
_HOLE = "setpts='if(lt(N,25),N/25,20+N/25)/TB'"
_MOVING = "-f lavfi -i testsrc2=size=320x240:rate=25 -t 4"

# Name -> what ffmpeg is told. 50 pictures in 2 s, where nothing else is said.
RECIPES = {
    "plain.mp4": f"{_TWO_S} {_H264} -bf 2 -g 25 -movflags +faststart",
    "index_last.mp4": f"{_TWO_S} {_H264} -bf 2 -g 25",
    "dated.mp4": f"{_HALF_S} {_H264} -metadata creation_time=2024-05-06T07:08:09Z",
    "plain.mkv": f"{_TWO_S} {_H264} -bf 2 -g 25",
    "plain.avi": f"{_TWO_S} {_H264} -bf 2 -g 25",
    "plain.ts": f"{_TWO_S} {_H264} -bf 2 -g 25",
    "plain.h264": f"{_TWO_S} {_H264} -bf 0 -g 25",
    "slow.gif": _HALF_S,  # 5 pictures
    # 100 pictures in 4 s, a key frame each second, no two alike: what damage does shows.
    "moving.mp4": f"{_MOVING} {_H264} -bf 2 -g 25 -sc_threshold 0 -movflags +faststart",
    "moving.ts": "-i moving.mp4 -c copy",
    "moving.mkv": "-i moving.mp4 -c copy",
    "moving.avi": f"{_MOVING} -c:v mpeg4 -b:v 800k -g 25 -sc_threshold 1000000000",
    # Whole files whose clocks are easily misread.
    "trimmed.mp4": "-ss 1.3 -i index_last.mp4 -c copy",
    "late_video.mkv": f"{_SOUND} -itsoffset 2 -i moving_2s.mp4 -map 0 -map 1 -c:v copy -c:a aac",
    "late_video.mp4": f"{_SOUND} -itsoffset 2 -i plain.mp4 -map 0 -map 1 -c:v copy -c:a aac",
    "long_sound.mkv": f"{_SOUND} -i plain.mp4 -map 0 -map 1 -c:v copy -c:a aac",
    "long_sound.mp4": f"{_SOUND} -i plain.mp4 -map 0 -map 1 -c:v copy -c:a aac",
    "long_sound.avi": f"{_SOUND} -i plain.mp4 -map 0 -map 1 -c:v mpeg4 -c:a pcm_s16le",
    "moving_2s.mp4": "-i moving.mp4 -t 2 -c copy",
    "fragments.mp4": "-i plain.mp4 -c copy -movflags frag_keyframe+empty_moov -frag_duration 200000",
    "endless.mkv": "-i plain.mp4 -c copy -f matroska -live 1",
    "turning.ts": "-i plain.mp4 -c copy -output_ts_offset 95442.5",
    "shifted.ts": "-i plain.mp4 -c copy -output_ts_offset 1000",
    "shifted.mkv": "-i plain.mp4 -c copy -output_ts_offset 100",
    "early.mp4": "-itsoffset -0.8 -i plain.mp4 -c copy",
    "plain.flv": "-i plain.mp4 -c copy",
    "plain.asf": "-i plain.mp4 -c:v wmv2 -g 10",
    "cover.mp4": "-i plain.mp4 -i upright.png -map 0 -map 1 -c copy -disposition:v:1 attached_pic",
    "still.ogv": "-f lavfi -i color=blue:size=320x240:rate=25 -t 2 -c:v libtheora",
    # 20 s in which a recorder saw nothing move
    "hole.mkv": f"-i plain.mp4 -vf {_HOLE} -fps_mode vfr {_H264} -bf 2",
    "hole.mp4": f"-i plain.mp4 -vf {_HOLE} -fps_mode vfr {_H264} -bf 2",
    "hole.ts": f"-i plain.mp4 -vf {_HOLE} -fps_mode vfr {_H264} -bf 0",
    "grey.mkv": f"{_HALF_S} -c:v ffv1 -pix_fmt gray",
    "grey16.mkv": f"{_HALF_S} -c:v ffv1 -pix_fmt gray16le",
    "alpha.mov": f"{_HALF_S} -c:v qtrle -pix_fmt argb",
    "one_pixel.mkv": f"{_HALF_S} -vf scale=1:1 -c:v ffv1 -pix_fmt bgr0",
    "odd.mkv": f"{_HALF_S} -vf scale=157:91,setsar=1 -c:v ffv1 -pix_fmt yuv420p",
    "upright.mp4": "-i dated.mp4 -c copy -metadata:s:v rotate=90",
    "upright.png": "-i upright.mp4 -frames:v 1",  # turned by ffmpeg
    "wide_pixels.mp4": f"{_HALF_S} -vf setsar=2 {_H264}",
    "high_pixels.mkv": f"{_HALF_S} -vf setsar=1/2 {_H264}",
    "sound.mp4": "-f lavfi -i sine=d=1 -c:a aac",
    "camera.h264": f"{_TEST_CARD.format(rate=15, seconds=2)} {_CAMERA}",
    "camera_large.h264": f"-f lavfi -i testsrc2=size=640x480:rate=15 -t 2 {_CAMERA}",
    # Noise around a grey that tells each frame's number: from 0 to 200 over 195 frames.
    "counted.h264": f"-f lavfi -i color=0xC8C8C8:size=160x120:rate=15 -t 13 -vf {_COUNTED} {_CAMERA}",
    "rare_keys.h264": f"-f lavfi -i testsrc2=size=160x120:rate=15 -t 20 {_CAMERA.replace('-g 15', '-g 300')}",
    "hls/index.m3u8": f"{_TEST_CARD.format(rate=25, seconds=4)} {_H264} -g 25 -hls_time 1 -hls_list_size 0",
}


class Clips:
    """Makes clips in `folder`, each once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            self._make(path, RECIPES[name].split())
        return path

    def cut(self, name: str, share: float) -> Path:
        """The first `share` of a clip's bytes."""
        data = self[name].read_bytes()
        path = self.folder / f"cut_{share:g}_{name}"
        path.write_bytes(data[: int(len(data) * share)])
        return path

    def _make(self, path: Path, arguments: list[str]) -> None:
        ffmpeg = shutil.which("ffmpeg")
        if ffmpeg is None:
            pytest.fail(
                "the tests make their clips with ffmpeg, which is missing: apt-get install ffmpeg", pytrace=False
            )
        path.parent.mkdir(exist_ok=True)
        for name in set(arguments) & set(RECIPES):
            _ = self[name]
        command = [ffmpeg, "-v", "error", "-nostdin", *arguments, str(path)]
        subprocess.run(command, check=True, timeout=60, cwd=self.folder)

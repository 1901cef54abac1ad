"""Face detectors behind one protocol: RetinaFace, SCRFD, and the Haar cascade."""

"""Face detectors behind one protocol: RetinaFace, SCRFD through insightface, and the Haar cascade."""

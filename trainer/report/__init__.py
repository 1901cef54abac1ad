"""The report: one self-contained page, and its Markdown twin, made from the files of run folders alone."""

#!/usr/bin/python3
"""ffmpeg.py LAUNCHER: frames that several threads encode and decode are those of the native run."""
import contenders

SOURCE = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=3"]
QUIET = ["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]


def use(contender):
    def hashed(*words):
        return contender.run("ffmpeg", *QUIET, *words, "-f", "md5", "-")

    results = {}  # x264 chooses a rate by threads that race, natively too: so it gets none to choose
    for codec, more in (("libx264", ["-preset", "veryfast", "-qp", "25"]), ("mpeg4", ["-q:v", "5"]),
                        ("ffv1", ["-slices", "4"])):
        file = contender.directory / f"{codec}.mkv"
        contender.run("ffmpeg", *QUIET, *SOURCE, "-c:v", codec, *more, "-threads", 4, "-fflags", "+bitexact", "-flags:v",
                      "+bitexact", file)
        results[codec] = hashed("-i", file, "-c", "copy"), hashed("-threads", 4, "-i", file, "-f", "rawvideo")
    results["slices"] = hashed("-threads", 4, "-thread_type", "slice", "-i", contender.directory / "ffv1.mkv")
    results["filters"] = hashed("-filter_complex_threads", 4, *SOURCE, "-vf", "scale=160:120,unsharp", "-c:v",
                                "rawvideo")
    return results


contenders.compare(use, greenlets_min=30, kernel_threads_max=30)

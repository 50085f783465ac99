"""The examination of one recording, inside the confined child: what it holds, how it is shown, what is missing.

Every outcome is an answer in words, never an exception: an empty file, a text file with a film's name, a recording
without a picture or one that was cut off are facts about the evidence.
"""

from typing import Any

import av

from transcode.frames import FrameTable
from transcode.packager_media import Media, Shown, open_container, sniff
from transcode.sniff import Container, mp4_damage
from transcode.trouble import NotPlayable
from transcode.wire import ChildFile

_MOST_TAGS, _MOST_TEXT = 32, 200


def examine(file: ChildFile) -> dict[str, Any]:
    """All that is found out, as plain JSON values; :class:`transcode.probe.Probe` gives them their names."""
    found: dict[str, Any] = {"size": file.size, "health": "whole", "reasons": [], "container": None}
    try:
        kind = sniff(file)
    except NotPlayable as reason:
        return found | {"health": "not-media" if file.size else "empty", "reasons": [str(reason)]}
    found["container"] = kind.name.lower().replace("_", "-")
    damage = missing_bytes(file, kind)
    if damage:
        found |= {"health": "cut-short", "reasons": [f"{damage[0].upper()}{damage[1:]}."]}
    try:
        return _examine_streams(file, kind, found)
    except (av.FFmpegError, OSError, NotPlayable) as failed:
        words = str(failed) if isinstance(failed, NotPlayable) else f"It cannot be opened: {failed.strerror or failed}."
        return found | {"health": "damaged", "reasons": [*found["reasons"], words]}


def missing_bytes(file: ChildFile, kind: Container) -> str | None:
    """What the container itself says is missing, in words."""
    if kind is Container.MP4:
        return mp4_damage(file.size, file.range)
    if kind is Container.AVI:
        promised = int.from_bytes(file.range(4, 4), "little") + 8
        if promised > file.size + 1:
            return f"the last {promised - file.size} bytes are missing: the recording was cut off"
    return None


def _examine_streams(file: ChildFile, kind: Container, found: dict[str, Any]) -> dict[str, Any]:
    with open_container(file, kind) as container:
        found["streams"] = [_stream(stream) for stream in container.streams]
        found["tags"] = _tags(container.metadata)
        found["creation_time"] = container.metadata.get("creation_time")
        has_picture = bool(container.streams.video)
    if not has_picture:
        return found | {"health": "no-picture", "reasons": [*found["reasons"], "The recording has no picture."]}
    media = Media(file)
    shown, table = media.shown(), media.frame_table()
    return found | _picture(media, shown, table) | _playable(media)


def _picture(media: Media, shown: Shown, table: FrameTable) -> dict[str, Any]:
    video, sound = media.video, media.sound
    rate = video.average_rate
    return {
        "video_codec": video.codec_context.name,
        "profile": str(video.codec_context.profile or ""),
        "pixels": str(video.codec_context.pix_fmt or ""),
        "width": video.codec_context.width,
        "height": video.codec_context.height,
        "shown_width": shown.width,
        "shown_height": shown.height,
        "rotation": shown.rotation,
        "aspect": str(video.sample_aspect_ratio or 1),
        "rate": str(rate) if rate else None,
        "interlaced": str(video.codec_context.field_order) not in ("0", "1", "UNKNOWN", "PROGRESSIVE"),
        "frames": len(table.pts),
        "duration": table.duration,
        "video_start": table.pts[0] / table.timescale,
        "even": len(set(table.differences())) <= 1,
        "sound_codec": sound.codec_context.name if sound is not None else None,
        "sound_rate": sound.codec_context.sample_rate if sound is not None else None,
        "sound_start": float(sound.start_time * sound.time_base) if sound and sound.start_time is not None else None,
    }


def _playable(media: Media) -> dict[str, Any]:
    try:
        media.refuse_unplayable()
        media.plan()
    except NotPlayable as reason:
        return {"playable": False, "why_not_playable": str(reason)}
    return {"playable": True, "why_not_playable": None}


def _stream(stream: Any) -> dict[str, Any]:
    codec = stream.codec_context
    return {
        "kind": stream.type,
        "codec": codec.name if codec is not None else "",
        "name": str(stream.metadata.get("handler_name", "")).strip()[:_MOST_TEXT],
    }


def _tags(metadata: dict[str, str]) -> dict[str, str]:
    return {str(key)[:_MOST_TEXT]: str(value)[:_MOST_TEXT] for key, value in list(metadata.items())[:_MOST_TAGS]}

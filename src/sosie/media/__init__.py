"""Pictures: opened within limits, out of archives and videos, from the network, as thumbnails."""

from sosie.media.archive import ArchiveListing, archive_entries, is_archive
from sosie.media.download import Downloads, download_pictures
from sosie.media.picture import open_picture, picture_hash, picture_problem, picture_size, picture_stamp, thumbnail
from sosie.media.video import can_open_videos, frame_refs

__all__ = [
    "ArchiveListing",
    "Downloads",
    "archive_entries",
    "can_open_videos",
    "download_pictures",
    "frame_refs",
    "is_archive",
    "open_picture",
    "picture_hash",
    "picture_problem",
    "picture_size",
    "picture_stamp",
    "thumbnail",
]

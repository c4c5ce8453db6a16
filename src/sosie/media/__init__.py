"""Pictures: opened within limits, out of archives, from the network, as thumbnails."""

from sosie.media.archive import ArchiveListing, archive_entries, is_archive
from sosie.media.download import Downloads, download_pictures
from sosie.media.picture import open_picture, picture_hash, picture_problem, picture_size, picture_stamp, thumbnail

__all__ = [
    "ArchiveListing",
    "Downloads",
    "archive_entries",
    "download_pictures",
    "is_archive",
    "open_picture",
    "picture_hash",
    "picture_problem",
    "picture_size",
    "picture_stamp",
    "thumbnail",
]

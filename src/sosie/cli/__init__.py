"""The command line: thin verbs over the engine."""

import sys

INTERRUPTED = 130  # as shells have it: 128 and the number of the signal


def main() -> None:
    """Run a verb; an error that a user can meet is one message on stderr and exit status 1."""
    from sosie.cli.app import app
    from sosie.errors import SosieError

    try:
        app()
    except SosieError as error:
        print(f"sosie: {error}", file=sys.stderr)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as ending:
        if isinstance(ending, SystemExit) and ending.code != INTERRUPTED:  # typer makes one of the other
            raise
        print(
            "sosie: interrupted; what was there before is unchanged, and the next run goes on from here.",
            file=sys.stderr,
        )
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)

"""``python -m gatelodge``: the same as the ``gatelodge`` command."""

import sys

from gatelodge.cli.main import main

sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""TLS to servers of this run, on its own loopback."""

import ssl


def unverified():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context

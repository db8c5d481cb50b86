"""A public address for the page, by the tunnel that Gradio's company runs."""

import secrets

from gradio import networking

from modules.errors import WebUIError


def open_tunnel(port: int) -> str:
    """Return the `https://` address that leads to `port` of this computer.

    The first time, Gradio downloads the program that speaks to the tunnel. Raises WebUIError.
    """
    try:
        address: str = networking.setup_tunnel(
            local_host="127.0.0.1",
            local_port=port,
            share_token=secrets.token_urlsafe(32),
            share_server_address=None,
            share_server_tls_certificate=None,
        )
    except Exception as error:  # whatever networks and somebody else's server come up with
        raise WebUIError(
            f"There is no public address: {str(error) or type(error).__name__}.",
            "Sharing needs the internet, and Gradio's server must be up. The program goes on "
            "without; everything else works.",
        ) from error
    return address.rstrip("/")

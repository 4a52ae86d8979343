"""What every provider plugin needs: values on the wire, secrets, errors, the server and the engine's log."""

"""An additional check for schemathesis: a strict parser can read every response that is declared as JSON."""
import orjson
import schemathesis


@schemathesis.check
def a_strict_parser_can_read_the_response(ctx, response, case) -> None:
    types = [value.partition(";")[0] for value in response.headers.get("content-type", [])]
    if "application/json" in types and response.content:
        orjson.loads(response.content)

import ChatDomain
import ChatLive
import ChatWire
import HTTPTypes

extension APIOperation {
    static let getServer = APIOperation(
        "getServer",
        .admin,
        "Read the state of the server",
        "Of the process that responds: others on the same database have their own connections, streams and writes.",
        responses: [APIResponse(.ok, "The server.", .json(.server, example: .example(ServerDescription.example)))]
    )

    static let getMetrics = APIOperation(
        "getMetrics",
        .admin,
        "Read the metrics",
        """
        Of the process that responds, for Prometheus and programs like it: as OpenMetrics if `Accept` names it, otherwise in \
        Prometheus's text format. With `--metrics-port`, this path is on that port instead, and needs no credential there.
        """,
        responses: [
            APIResponse(
                .ok,
                "The metrics.",
                APIResponse.Content(
                    mediaType: "application/openmetrics-text",
                    schema: .string,
                    example: ("example", .string(metricsExample + "# EOF\n"))
                ),
                APIResponse.Content(
                    mediaType: "text/plain",
                    schema: .string,
                    example: ("example", .string(metricsExample))
                )
            )
        ]
    )

    private static let metricsExample = "chat_streams{transport=\"websocket\"} 12\n"

    static let listOpenStreams = APIOperation(
        "listOpenStreams",
        .admin,
        "List the open streams",
        "Streams, WebSockets and long polls of the process that responds, those that lag the most first.",
        parameters: [.limit(.streams, "The maximum number of streams to return.")],
        responses: [
            APIResponse(.ok, "The streams.", .json(.openStreamList, example: .example(OpenStreamList.example)))
        ]
    )

    static let listServerKeys = APIOperation(
        "listServerKeys",
        .admin,
        "List the server keys",
        "Revoked ones too, and all without their secrets. The key in `CHAT_SERVER_KEY` is not among them.",
        responses: [
            APIResponse(
                .ok,
                "The keys.",
                .json(.serverKeyList, example: .example(ServerKeyList([.example])))
            )
        ]
    )

    static let createServerKey = APIOperation(
        "createServerKey",
        .admin,
        "Create a server key",
        """
        Only a server key with the scope `admin` may create keys, even in open mode: a key stays valid after its creator \
        has lost access. The database keeps a hash of the secret. A server in open mode stays open until it is restarted.
        """,
        body: (.serverKeyCreate, ["name": "billing", "scope": "post"]),
        responses: [
            APIResponse(
                .created,
                "The key, which is shown only once.",
                .json(.issuedServerKey, example: .example(IssuedServerKey.example)),
                headers: [APIResponse.noStore]
            )
        ]
    )

    static let revokeServerKey = APIOperation(
        "revokeServerKey",
        .admin,
        "Revoke a server key",
        """
        The key can never be used again, and its streams end. You can revoke the key with which you make the request.
        """,
        responses: [APIResponse(.noContent, "The key is revoked."), .serverKeyNotFound]
    )
}

extension JSONSchema {
    fileprivate static let serverKeyCreate = component(
        "ServerKeyCreate",
        .object([.required("name", .serverKeyName), .required("scope", .serverKeyScope)])
    )
}

import ChatWire
import HTTPTypes

extension APIOperation {
    static let getLiveness = APIOperation(
        "getLiveness",
        .health,
        "Check that the process is alive",
        "Responds at once, without using the database.",
        responses: [APIResponse(.ok, "The process is alive.", .json(.liveness, example: ["status": "ok"]))]
    )

    static let getReadiness = APIOperation(
        "getReadiness",
        .health,
        "Check that the service is ready",
        "The service is ready when the database responds and its schema is current.",
        responses: [
            APIResponse(.ok, "The service is ready.", .json(.readiness, example: ["status": "ready"])),
            APIResponse(
                .serviceUnavailable,
                """
                The service is not ready: the database is unavailable, or the server is shutting down. The server's log has \
                the details.
                """,
                .json(
                    .readiness,
                    example: ["status": "unavailable", "reason": "the database is not available"]
                )
            ),
        ]
    )
}

extension JSONSchema {
    fileprivate static let liveness = component("Liveness", .object([.required("status", .constant("ok"))]))

    fileprivate static let readiness = component(
        "Readiness",
        .object([.required("status", readinessStatus), .optional("reason", .string, "Absent if it is ready.")])
    )

    private static let readinessStatus = component(
        "ReadinessStatus",
        ["type": "string", "enum": ["ready", "unavailable"]]
    )
}

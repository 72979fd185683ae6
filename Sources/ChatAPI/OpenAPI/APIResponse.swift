import ChatWire
import HTTPTypes

/// A response, which several operations can share.
struct APIResponse {
    let status: HTTPResponse.Status
    /// The response in the document.
    let value: OpenAPIValue

    /// A body in one of its formats.
    struct Content {
        let mediaType: String
        let schema: JSONSchema
        /// The keyword `example`, or `examples` by name.
        let example: (String, OpenAPIValue)

        static func json(_ schema: JSONSchema, example: OpenAPIValue) -> Content {
            Content(mediaType: "application/json", schema: schema, example: ("example", example))
        }

        /// - Parameter examples: By name.
        static func json(_ schema: JSONSchema, examples: KeyValuePairs<String, OpenAPIValue>) -> Content {
            let named = examples.map { ($0.key, ["value": $0.value] as OpenAPIValue) }
            return Content(mediaType: "application/json", schema: schema, example: ("examples", .object(named)))
        }
    }

    init(
        _ status: HTTPResponse.Status,
        _ description: String,
        _ content: Content...,
        headers: OpenAPIValue.Members = [],
        component: String? = nil
    ) {
        self.status = status
        var members: OpenAPIValue.Members = [
            ("description", .string(description)),
            ("headers", .object([Self.requestID] + headers)),
        ]
        if !content.isEmpty {
            let formats = content.map { content in
                (content.mediaType, OpenAPIValue.object([("schema", content.schema.value), content.example]))
            }
            members.append(("content", .object(formats)))
        }
        let value = OpenAPIValue.object(members)
        self.value = component.map { .reference(.responses, $0, value) } ?? value
    }

    /// The resource that an earlier request with the same key created.
    static func replayed(_ schema: JSONSchema, example: OpenAPIValue) -> APIResponse {
        APIResponse(
            .ok,
            "An earlier request with this key was carried out. The response is what it created, in its current state.",
            .json(schema, example: example),
            headers: [idempotentReplayed]
        )
    }
}

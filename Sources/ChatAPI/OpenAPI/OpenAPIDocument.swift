import ChatIdentity
import ChatLive
import ChatWire
import HTTPTypes
import NIOCore

/// The OpenAPI document, assembled from the routes and the components they refer to.
struct OpenAPIDocument {
    let body: ByteBuffer

    /// - Parameters:
    ///   - rootPath: The path under which a proxy exposes the service; empty for the root of the host.
    ///   - mode: Whether requests need a credential.
    init(_ routes: [Route], rootPath: String, mode: Authenticator.Mode) {
        let paths = OpenAPIValue.object(Self.paths(routes, isCredentialOptional: mode == .open))
        var components: [OpenAPIValue.Component.Section: [String: OpenAPIValue]] = [:]
        paths.collectComponents(into: &components)
        // The descriptions of streams refer to it, but no schema can.
        JSONSchema.liveEvent.value.collectComponents(into: &components)
        let document: OpenAPIValue = [
            "openapi": "3.1.0",
            "info": Self.info,
            "servers": [["url": .string(rootPath.isEmpty ? "/" : rootPath)]],
            "tags": .array(
                APITag.allCases.map { ["name": .string($0.rawValue), "description": .string($0.description)] }
            ),
            "paths": paths,
            "components": .object(
                OpenAPIValue.Component.Section.allCases.map { section in
                    let members = components[section, default: [:]].sorted { $0.key < $1.key }
                    return (section.rawValue, .object(members.map { ($0.key, $0.value) }))
                } + [("securitySchemes", .object(SecurityScheme.allCases.map { ($0.rawValue, $0.value) }))]
            ),
        ]
        var writer = JSONWriter(capacity: 1 << 16)
        document.write(to: &writer)
        body = writer.buffer
    }

    /// The operations by path, in the order of the routes.
    private static func paths(_ routes: [Route], isCredentialOptional: Bool) -> OpenAPIValue.Members {
        var items: [(path: String, members: OpenAPIValue.Members)] = []
        for route in routes {
            guard let operation = route.operation else { continue }
            if !items.contains(where: { $0.path == route.path }) {
                let parameters = OpenAPIValue.array(route.pathParameters.map(\.value))
                items.append((route.path, route.pathParameters.isEmpty ? [] : [("parameters", parameters)]))
            }
            for index in items.indices where items[index].path == route.path {
                let value = route.value(operation, isCredentialOptional: isCredentialOptional)
                items[index].members.append((route.method.rawValue.lowercased(), value))
            }
        }
        return items.map { ($0.path, .object($0.members)) }
    }

    private static let info: OpenAPIValue = [
        "title": "Chat API",
        "version": .string(ServiceVersion.text),
        "summary": "Store chats and messages, in order and durably.",
        "description": """
        Create a chat, post messages to it, read it with its latest messages, delete it.

        Every chat is a log with positions (`seq`) 1, 2, 3 … and no gaps. A message takes the next position when it is \
        posted, and so does each later change. When a `POST`, `PATCH` or `DELETE` succeeds, its change is on disk. Retry \
        a `POST` with the same `Idempotency-Key` until it gets a response: it is carried out once.

        `GET /chats/{chat_id}/log` returns every change after a position, and `GET /chats/{chat_id}/events` streams \
        new ones as they happen. An edit increments a message's revision, which is its `ETag`; send `If-Match` to \
        change only that revision. A deleted message keeps its position without its text.

        Paths work with and without their trailing slash. Every response has the header `X-Request-ID`: the one you \
        sent (1 to 128 letters, digits and `-_.:/+=@`), or a new one.

        Unless the server is in open mode, every request needs a credential: a user's token, which your backend signs \
        (a JWT), or a server key, as `Authorization: Bearer`. Browsers can also use a session cookie and, for streams, a \
        ticket in the URL.

        A request needs exactly one valid `Host`, or it gets 400; if the server does not serve that host, it gets 421. \
        Queries are form-encoded: `+` is a space, and a `%` that does not start a percent-encoding gets 422. \
        `POST /chats/`, `GET` and `DELETE /chats/{chat_id}` and `POST /chats/{chat_id}/messages/` ignore unknown query \
        parameters; all other operations reject them with 422. Later versions may add response fields: ignore those \
        you do not know.
        """,
        "license": ["name": "MIT", "identifier": "MIT"],
    ]
}

extension Route {
    fileprivate var pathParameters: [APIParameter] {
        APIParameter.inPaths.filter { path.contains("{\($0.name)}") }
    }

    fileprivate func value(_ operation: APIOperation, isCredentialOptional: Bool) -> OpenAPIValue {
        var members: OpenAPIValue.Members = [
            ("tags", [.string(operation.tag.rawValue)]),
            ("operationId", .string(operation.id)),
            ("summary", .string(operation.summary)),
        ]
        if let description = operation.description {
            members.append(("description", .string(description)))
        }
        if isStream {
            // The documentation page offers no "Try it out" button.
            members.append(("x-endless", true))
        }
        if needsCredential {
            members.append(("security", securityRequirements(isOptional: isCredentialOptional)))
        }
        let parameters = operation.parameters + (needsCredential ? [.actAs] : [])
        if !parameters.isEmpty {
            members.append(("parameters", .array(parameters.map(\.value))))
        }
        if let body = operation.body {
            let bodies = [("application/json", body)] + (operation.textBody.map { [("text/plain", $0)] } ?? [])
            let content = bodies.map { type, body in
                (type, ["schema": body.schema.value, "example": body.example] as OpenAPIValue)
            }
            members.append(("requestBody", ["required": true, "content": .object(content)]))
        }
        let special = operation.responses.map(\.status)
        let responses = operation.responses + commonErrors(operation).filter { !special.contains($0.status) }
        members.append(("responses", .object(responses.map { ("\($0.status.code)", $0.value) })))
        return .object(members)
    }

    /// The errors that all routes with the same properties can return.
    private func commonErrors(_ operation: APIOperation) -> [APIResponse] {
        guard needsCredential else { return [] }
        var errors: [APIResponse] = [.invalidActAs, .unauthorized, .forbidden]
        let pathNames = pathParameters.map(\.name)
        if pathNames.contains("message_id") {
            errors.append(.messageNotFound)
        } else if pathNames.contains("chat_id") {
            errors.append(.chatNotFound)
        } else if pathNames.contains("webhook_id") {
            errors.append(.webhookNotFound)
        }
        if operation.body != nil {
            errors += [.requestTimeout, .bodyTooLarge]
        }
        if operation.parameters.contains(where: { $0.name == APIParameter.idempotencyKey.name }) {
            errors.append(.validationFailedOrKeyReused)
        } else if operation.body != nil || !pathNames.isEmpty
            || operation.parameters.contains(where: { $0.location == .query })
        {
            errors.append(.validationFailed)
        }
        if isStream {
            errors += [.tooManyStreamsOfClient, .unavailableOrTooManyStreams]
        } else {
            errors += ratePolicy == nil ? [.unavailable] : [.rateLimited, .unavailable]
        }
        return errors + [.internalError]
    }
}

import ChatDomain
import ChatIdentity
import ChatWire

/// A parameter, which several operations can share.
struct APIParameter {
    enum Location: String {
        case path, query, header
    }

    let location: Location
    let name: String
    /// The parameter in the document.
    let value: OpenAPIValue

    private init(
        _ location: Location,
        _ name: String,
        _ description: String,
        _ schema: JSONSchema,
        isRequired: Bool = false,
        example: OpenAPIValue? = nil,
        component: String? = nil
    ) {
        self.location = location
        self.name = name
        var members: OpenAPIValue.Members = [("name", .string(name)), ("in", .string(location.rawValue))]
        if isRequired { members.append(("required", true)) }
        members.append(("description", .string(description)))
        members.append(("schema", schema.value))
        if let example { members.append(("example", example)) }
        let value = OpenAPIValue.object(members)
        self.value = component.map { .reference(.parameters, $0, value) } ?? value
    }

    static func query(
        _ name: String,
        _ description: String,
        _ schema: JSONSchema,
        isRequired: Bool = false,
        example: OpenAPIValue? = nil
    ) -> APIParameter {
        APIParameter(.query, name, description, schema, isRequired: isRequired, example: example)
    }

    static func limit(_ limit: PageLimit, _ description: String) -> APIParameter {
        let schema = JSONSchema.integer(in: limit.range).adding("default", .integer(limit.defaultValue))
        return .query("limit", description, schema)
    }

    static func header(
        _ name: String,
        _ description: String,
        _ schema: JSONSchema,
        isRequired: Bool = false,
        example: OpenAPIValue? = nil
    ) -> APIParameter {
        APIParameter(.header, name, description, schema, isRequired: isRequired, example: example)
    }
}

extension APIParameter {
    /// The path parameters; each applies to every path that contains its name.
    static let inPaths = [
        APIParameter(.path, "chat_id", "The chat's id.", .integer, isRequired: true, example: 1, component: "ChatID"),
        APIParameter(
            .path,
            "message_id",
            "The message's id.",
            .integer,
            isRequired: true,
            example: 1,
            component: "MessageID"
        ),
        APIParameter(
            .path,
            "user_id",
            """
            The user's id: 1 to \(UserID.maximumLength) visible ASCII characters. Percent-encode each one that is neither a \
            letter nor a digit nor any of `-._~`.
            """,
            .userID,
            isRequired: true,
            example: "ada",
            component: "UserID"
        ),
        APIParameter(
            .path,
            "key_id",
            "The id of a server key: the part between `sk_` and the next `_`.",
            ["type": "string", "pattern": .string(ServerKey.idPattern)],
            isRequired: true,
            example: "k3v9t2m8q0xa",
            component: "KeyID"
        ),
        APIParameter(
            .path,
            "webhook_id",
            "The webhook's id.",
            .integer,
            isRequired: true,
            example: 1,
            component: "WebhookID"
        ),
    ]

    static let actAs = APIParameter(
        .header,
        "Act-As",
        """
        With a server key of the scope `admin` or `post`: the id of the user in whose name you make the request, and with \
        whose rights. The user becomes the author of what you write.
        """,
        .userID,
        component: "ActAs"
    )

    static let ticket = APIParameter.query(
        "ticket",
        "A ticket for this path, from `POST /tickets`, instead of `Authorization`.",
        .string
    )

    static let idempotencyKey = APIParameter(
        .header,
        "Idempotency-Key",
        """
        A key of your choice for this request, such as a UUID. If the request fails or gets no response, retry it with the \
        same key: it is carried out once. Each new message in a chat, and each new chat, needs a key of its own. The key \
        lives as long as the message or chat it created. A message shows its key to all its readers.
        """,
        .idempotencyKey,
        component: "IdempotencyKey"
    )

    static let ifMatch = APIParameter(
        .header,
        "If-Match",
        """
        The `ETag` of the revision you want to change, a list of ETags, or `*` for any. A weak tag, `W/"1"`, names the same \
        revision. Of the tag of an open message, `"1.120"`, only the revision counts: its length grows. If the message is at \
        another revision, nothing changes and the response is 412.
        """,
        .string,
        example: "\"1\"",
        component: "IfMatch"
    )
}

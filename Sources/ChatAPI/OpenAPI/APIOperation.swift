import ChatWire

/// The description of a route in the OpenAPI document, except what follows from the route.
struct APIOperation {
    /// Unique and stable: generated clients name their methods after it.
    let id: String
    let tag: APITag
    let summary: String
    let description: String?
    /// Query and header parameters; a route that rejects unknown query parameters accepts only these.
    let parameters: [APIParameter]
    /// The JSON body that the route requires.
    let body: (schema: JSONSchema, example: OpenAPIValue)?
    /// The body in plain text that the route accepts instead; nil if it accepts only JSON.
    let textBody: (schema: JSONSchema, example: OpenAPIValue)?
    let responses: [APIResponse]

    init(
        _ id: String,
        _ tag: APITag,
        _ summary: String,
        _ description: String? = nil,
        parameters: [APIParameter] = [],
        body: (schema: JSONSchema, example: OpenAPIValue)? = nil,
        textBody: (schema: JSONSchema, example: OpenAPIValue)? = nil,
        responses: [APIResponse]
    ) {
        self.id = id
        self.tag = tag
        self.summary = summary
        self.description = description
        self.parameters = parameters
        self.body = body
        self.textBody = textBody
        self.responses = responses
    }
}

/// A group of operations in the documentation.
enum APITag: String, CaseIterable {
    case chats, messages, members, live, users, credentials, webhooks, admin, health

    var description: String {
        switch self {
        case .chats: "Create, list, change and delete chats."
        case .messages: "Post, read, edit and delete messages."
        case .members: "Add and remove members, and open direct chats. See docs/members.md."
        case .live: "Follow logs live. See docs/streaming.md."
        case .users: "Maintain users and their access. See docs/users.md."
        case .credentials: "Exchange a token for what a browser can send on its own."
        case .webhooks: "Send the entries of logs to your services. See docs/webhooks.md."
        case .admin: "Watch a server, and create and revoke server keys. See docs/operations.md."
        case .health: "For orchestrators and monitors."
        }
    }
}

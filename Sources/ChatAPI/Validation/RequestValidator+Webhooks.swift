import ChatDomain
import ChatWire
import Hummingbird

/// Webhooks in requests.
extension RequestValidator {
    /// The path's `webhook_id`.
    mutating func webhookID(in context: some RequestContext) -> WebhookID? {
        pathInteger("webhook_id", in: context).map(WebhookID.init(rawValue:))
    }

    /// The body as a new webhook; without a secret, it gets a random one.
    mutating func webhookDraft(in object: JSONValue) -> WebhookDraft? {
        let url = webhookURL(in: object)
        let types = webhookTypes(in: object)
        let chats = webhookChats(in: object)
        let additions = webhookAdditions(in: object)
        let secret = webhookSecret(in: object)
        guard let url, let types, let chats, let additions, let secret else { return nil }
        return WebhookDraft(
            url: url,
            types: types.value ?? nil,
            chats: chats.value ?? nil,
            withOffline: additions.value?.contains(.offline) ?? false,
            secret: secret
        )
    }

    /// The body as a change of a webhook.
    mutating func webhookEdit(in object: JSONValue) -> WebhookEdit? {
        let url: OptionalValue<WebhookURL>? =
            object.member("url") == nil
            ? OptionalValue(value: nil) : webhookURL(in: object).map { OptionalValue(value: $0) }
        let types = webhookTypes(in: object)
        let chats = webhookChats(in: object)
        let additions = webhookAdditions(in: object)
        let isEnabled = optionalBoolean("enabled", in: object)
        guard let url, let types, let chats, let additions, let isEnabled else { return nil }
        var edit = WebhookEdit()
        edit.url = url.value
        edit.types = types.value
        edit.chats = chats.value
        edit.withOffline = additions.value.map { $0.contains(.offline) }
        edit.isEnabled = isEnabled.value
        return edit
    }

    /// The member `secret`; a random one if it is absent or null.
    mutating func webhookSecret(in object: JSONValue) -> WebhookSecret? {
        guard let text = nullableText("secret", in: object, { $0 }) else { return nil }
        guard let text = text.value else { return .random() }
        if let secret = WebhookSecret(text) { return secret }
        note(.rule("a secret is whsec_ and the Base64 of 24 to 64 bytes"), at: ["body", "secret"], input: .null)
        return nil
    }

    private mutating func webhookURL(in object: JSONValue) -> WebhookURL? {
        guard let text = string("url", in: object) else { return nil }
        if let url = WebhookURL(text) { return url }
        let rule = """
            a target is an http or https URL with a host, without credentials or a fragment, of at most \
            \(WebhookURL.maximumLength) ASCII characters
            """
        note(.rule(rule), at: ["body", "url"], input: .text(text))
        return nil
    }

    /// The inner nil stands for all types.
    private mutating func webhookTypes(in object: JSONValue) -> OptionalValue<Set<WebhookEventType>?>? {
        nullableSet("types", in: object, upTo: WebhookEventType.allCases.count) { element in
            guard let text = element.lossyString() else { return .failure(.notAString) }
            guard let type = WebhookEventType(text) else {
                return .failure(.notOneOf(WebhookEventType.allCases.map(\.text)))
            }
            return .success(type)
        }
    }

    /// The inner nil stands for all chats.
    private mutating func webhookChats(in object: JSONValue) -> OptionalValue<Set<ChatID>?>? {
        nullableSet("chats", in: object, upTo: Webhook.maximumChats) { element in
            element.integer.map { .success(ChatID(rawValue: $0)) } ?? .failure(.notAnIntegerValue)
        }
    }

    private mutating func webhookAdditions(in object: JSONValue) -> OptionalValue<[WebhookAddition]>? {
        guard let member = object.member("with") else { return OptionalValue(value: nil) }
        let additions = list("with", member, upTo: WebhookAddition.allCases.count) {
            element -> Result<WebhookAddition, ListProblem> in
            guard let text = element.lossyString() else { return .failure(.notAString) }
            guard let addition = WebhookAddition(rawValue: text) else {
                return .failure(.rule("only offline is possible"))
            }
            return .success(addition)
        }
        return additions.map { OptionalValue(value: $0) }
    }

    /// A list of 1 to `maximum` elements, or null; a list without elements would select nothing.
    private mutating func nullableSet<Element: Hashable>(
        _ name: String,
        in object: JSONValue,
        upTo maximum: Int,
        _ make: (JSONValue) -> Result<Element, ListProblem>
    ) -> OptionalValue<Set<Element>?>? {
        guard let member = object.member(name) else { return OptionalValue(value: nil) }
        if member.kind == .null { return OptionalValue(value: .some(nil)) }
        guard let elements = list(name, member, upTo: maximum, make) else { return nil }
        if elements.isEmpty {
            note(.rule("the list is empty: null selects all \(name)"), at: ["body", name], input: .json(member))
            return nil
        }
        return OptionalValue(value: Set(elements))
    }

    private mutating func list<Element>(
        _ name: String,
        _ member: JSONValue,
        upTo maximum: Int,
        _ make: (JSONValue) -> Result<Element, ListProblem>
    ) -> [Element]? {
        guard let elements = member.elements else {
            note(.notAList, at: ["body", name], input: .json(member))
            return nil
        }
        guard elements.count <= maximum else {
            note(.rule("there are more than \(maximum) \(name)"), at: ["body", name], input: .json(member))
            return nil
        }
        var values: [Element] = []
        for (index, element) in elements.enumerated() {
            switch make(element) {
            case .success(let value): values.append(value)
            case .failure(let problem):
                note(problem.problem, at: ["body", name], index: index, input: .json(element))
            }
        }
        return values.count == elements.count ? values : nil
    }
}

/// What is wrong with an element of a list.
private struct ListProblem: Error {
    let problem: ValidationIssue.Problem

    static let notAString = ListProblem(problem: .notAString)
    static let notAnIntegerValue = ListProblem(problem: .notAnIntegerValue)

    static func notOneOf(_ values: [String]) -> ListProblem {
        ListProblem(problem: .notOneOf(values))
    }

    static func rule(_ text: String) -> ListProblem {
        ListProblem(problem: .rule(text))
    }
}

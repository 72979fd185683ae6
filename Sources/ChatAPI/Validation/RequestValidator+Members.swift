import ChatDomain
import ChatWire
import Hummingbird

/// Members of chats in requests.
extension RequestValidator {
    /// A required member with a list of 1 to 100 users.
    mutating func users(_ name: String, in object: JSONValue) -> MemberIDs? {
        guard let list = object.member(name) else {
            note(.missing, at: ["body", name], input: .json(object))
            return nil
        }
        guard let elements = list.elements else {
            note(.notAList, at: ["body", name], input: .json(list))
            return nil
        }
        // A list that is too long needs no check of its ids.
        let maximum = MemberIDs.maximumCount
        let ids = elements.prefix(maximum + 1).enumerated().map { user($1, at: ["body", name], index: $0) }
        guard ids.allSatisfy({ $0 != nil }) else { return nil }
        if elements.count <= maximum, let users = MemberIDs(ids.compactMap(\.self)) { return users }
        let rule =
            switch elements.count {
            case 0: "there are no users"
            case ...maximum: "the ids of the users are too long"
            default: "there are more than \(maximum) users"
            }
        note(.rule(rule), at: ["body", name], input: .json(list))
        return nil
    }

    /// A member with a list of up to 100 users, which may be absent or empty.
    mutating func optionalUsers(_ name: String, in object: JSONValue) -> OptionalValue<MemberIDs>? {
        guard let list = object.member(name), list.elements?.isEmpty != true else { return OptionalValue(value: nil) }
        return users(name, in: object).map { OptionalValue(value: $0) }
    }

    private mutating func user(_ element: JSONValue, at location: [String], index: Int) -> UserID? {
        if let text = element.lossyString() { return userID(text, at: location, index: index) }
        note(.notAString, at: location, index: index, input: .json(element))
        return nil
    }

    /// The query parameter `cursor` of a list of members: the last one of the page before.
    mutating func memberCursor(in request: Request) -> OptionalValue<UserID>? {
        guard let text = request.queryParameter("cursor") else { return OptionalValue(value: nil) }
        return userID(text, at: ["query", "cursor"]).map { OptionalValue(value: $0) }
    }
}

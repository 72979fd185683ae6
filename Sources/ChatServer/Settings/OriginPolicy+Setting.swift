import WebSocket

extension OriginPolicy {
    init?(setting text: String) {
        switch text {
        case "any": self = .any
        case "same-host": self = .sameHost
        default:
            let origins = text.lowercased().split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            guard origins.allSatisfy({ $0.wholeMatch(of: /https?:\/\/[^\/\s,]+/) != nil }) else { return nil }
            self = .oneOf(Set(origins))
        }
    }
}

import WebSocket

extension OriginPolicy {
    /// Parses the origins whose pages may open a WebSocket.
    init?(setting text: String) {
        switch text {
        case "any": self = .any
        case "same-host": self = .sameHost
        default: self.init(list: text)
        }
    }

    /// Parses the other origins whose pages may call the API.
    init?(crossOriginSetting text: String) {
        switch text {
        case "*": self = .any
        case "none": self = .sameHost
        default: self.init(list: text)
        }
    }

    private init?(list text: String) {
        let origins = text.lowercased().split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard origins.allSatisfy({ $0.wholeMatch(of: /https?:\/\/[^\/\s,]+/) != nil }) else { return nil }
        self = .oneOf(Set(origins))
    }
}

import ChatAPI
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

    /// Completes "it must be … origins".
    static let expectedOrigins = """
        such as https://app.example,https://www.app.example:8443, without a path, a wildcard or the default port
        """

    /// Parses the origins whose pages may embed a chat.
    static func embedders(setting text: String) -> [String]? {
        text == "none" ? [] : origins(in: text)
    }

    private init?(list text: String) {
        guard let origins = Self.origins(in: text) else { return nil }
        self = .oneOf(Set(origins))
    }

    private static func origins(in list: String) -> [String]? {
        let origins = list.lowercased().split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        return origins.allSatisfy(isOrigin) ? origins : nil
    }

    /// Whether a browser may send a text as `Origin`: any other would match no page.
    private static func isOrigin(_ text: String) -> Bool {
        [("http://", 80), ("https://", 443)].contains { scheme, defaultPort in
            guard text.hasPrefix(scheme), !text.contains("*"), !text.hasSuffix(":"),
                let authority = Authority(String(text.dropFirst(scheme.count)))
            else { return false }
            return authority.port != defaultPort
        }
    }
}

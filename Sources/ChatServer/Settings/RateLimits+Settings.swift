import ChatAPI
import RateLimiting

extension RateLimits {
    init(_ settings: SettingsReader) throws(SettingError) {
        self.init()
        posts = try settings.value(Settings.postRate)
        reads = try settings.value(Settings.readRate)
        text = try settings.value(Settings.textRate)
        typing = try settings.value(Settings.typingRate)
    }
}

/// Whether clients that make too many requests are refused.
enum LimitSetting: String, CaseIterable, Sendable {
    /// Not in open mode on a loopback address.
    case auto
    case on
    case off
}

extension Setting where Value == RateLimit {
    /// A quota and the seconds in which it refills, such as `20/10`.
    static func rate(_ key: [String], flag: String, _ summary: String, default fallback: String) -> Setting {
        Setting(
            key: key,
            flag: flag,
            summary: summary,
            placeholder: "rate",
            fallback: fallback,
            expected: "a number and seconds such as \(fallback): 1 to 1000000000 in 1 to 3600 seconds",
            parse: { text in
                let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
                guard parts.count == 2, let quota = parts[0], let seconds = parts[1],
                    (1...1_000_000_000).contains(quota), (1...3_600).contains(seconds)
                else { return nil }
                return RateLimit(quota, per: .seconds(seconds))
            }
        )
    }
}

/// One thing that can be configured: its names, its default and what may be written for it.
package struct Setting<Value: Sendable>: Sendable {
    /// The components of its name: `CHAT_PORT` in the environment is `["chat", "port"]`.
    let key: [String]
    /// Its name on the command line, without the dashes.
    package let flag: String
    let summary: String
    /// What stands for the value in the help.
    let placeholder: String
    /// The default, as one would write it.
    package let fallback: String
    /// What may be written, to complete "it must be …".
    let expected: String
    /// Reads what was written; nil if it may not be written.
    let parse: @Sendable (String) -> Value?

    package var variable: String {
        key.joined(separator: "_").uppercased()
    }
}

/// What a setting is called, whatever its type.
package protocol NamedSetting: Sendable {
    /// Its name in the environment.
    var variable: String { get }
    /// Its name on the command line, without the dashes.
    var flag: String { get }
    /// The default, as one would write it.
    var fallback: String { get }
}

extension Setting: NamedSetting {}

/// A setting as it was given on the command line.
struct GivenSetting {
    let setting: any NamedSetting
    let value: String
}

extension Setting {
    /// Pairs the setting with its value on the command line, if any.
    func given(_ value: String?) -> GivenSetting? {
        value.map { GivenSetting(setting: self, value: $0) }
    }
}

extension Setting where Value == Int {
    static func wholeNumber(
        _ key: [String],
        flag: String,
        _ summary: String,
        in range: ClosedRange<Int>,
        default fallback: Int
    ) -> Setting {
        Setting(
            key: key,
            flag: flag,
            summary: summary,
            placeholder: "number",
            fallback: String(fallback),
            expected: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            parse: { Int($0).flatMap { range.contains($0) ? $0 : nil } }
        )
    }
}

extension Setting where Value == Duration {
    static func seconds(
        _ key: [String],
        flag: String,
        _ summary: String,
        in range: ClosedRange<Double>,
        default fallback: Int
    ) -> Setting {
        Setting(
            key: key,
            flag: flag,
            summary: summary,
            placeholder: "seconds",
            fallback: String(fallback),
            expected: "a number of seconds from \(range.lowerBound) to \(range.upperBound)",
            parse: { Double($0).flatMap { range.contains($0) ? .seconds($0) : nil } }
        )
    }
}

extension Setting where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static func choice(_ key: [String], flag: String, _ summary: String, default fallback: Value) -> Setting {
        Setting(
            key: key,
            flag: flag,
            summary: summary,
            placeholder: flag,
            fallback: fallback.rawValue,
            expected: "one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))",
            parse: { Value(rawValue: $0.lowercased()) }
        )
    }
}

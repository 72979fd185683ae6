/// One configuration setting: its names, its default and the values it accepts.
package struct Setting<Value: Sendable>: Sendable {
    /// The components of the variable's name: `["chat", "port"]` for `CHAT_PORT`.
    let key: [String]
    /// The name of the command-line option, without the dashes.
    package let flag: String
    /// The help text.
    let summary: String
    /// The name of the value in the help.
    let placeholder: String
    /// The default, as a user would write it.
    package let fallback: String
    /// The values that are accepted, in words that complete "it must be …".
    package let expected: String
    /// Parses a value; nil if it is not accepted.
    let parse: @Sendable (String) -> Value?

    /// The name of the environment variable.
    package var variable: String {
        key.joined(separator: "_").uppercased()
    }
}

/// A setting's names and default, without its type.
package protocol NamedSetting: Sendable {
    /// The name of the environment variable.
    var variable: String { get }
    /// The name of the command-line option, without the dashes.
    var flag: String { get }
    /// The default, as a user would write it.
    var fallback: String { get }
    /// The values that are accepted, in words that complete "it must be …".
    var expected: String { get }
    /// Whether a value can be parsed.
    func accepts(_ text: String) -> Bool
}

extension Setting: NamedSetting {
    package func accepts(_ text: String) -> Bool {
        parse(text) != nil
    }
}

/// A setting that was given on the command line, with its value.
struct GivenSetting {
    let setting: any NamedSetting
    let value: String
}

extension Setting {
    /// Pairs the setting with its command-line value; nil if the option was not given.
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
            expected: "a number of seconds from \(range.lowerBound.shortest) to \(range.upperBound.shortest)",
            parse: { Double($0).flatMap { range.contains($0) ? .seconds($0) : nil } }
        )
    }
}

extension Double {
    /// Without `.0` if it is a whole number.
    fileprivate var shortest: String {
        Int(exactly: self).map(String.init) ?? String(self)
    }
}

extension Setting where Value == String? {
    /// A text that a token must have; `any` for none.
    static func claim(_ key: [String], flag: String, _ summary: String, placeholder: String) -> Setting {
        Setting(
            key: key,
            flag: flag,
            summary: summary,
            placeholder: placeholder,
            fallback: "any",
            expected: "a text or any",
            parse: { $0.isEmpty ? nil : .some($0 == "any" ? nil : $0) }
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

import Configuration
import SystemPackage

/// The settings as configured: command line over environment over `.env` over defaults.
struct SettingsReader {
    private let reader: ConfigReader

    init(given: [GivenSetting]) async throws {
        let given = Dictionary(
            given.map { ($0.key, ConfigValue(.string($0.value), isSecret: false)) },
            uniquingKeysWith: { $1 }
        )
        reader = ConfigReader(providers: [
            InMemoryProvider(name: "command line", values: given),
            EnvironmentVariablesProvider(),
            try await EnvironmentVariablesProvider(environmentFilePath: ".env", allowMissing: true),
        ])
    }

    /// The setting's value.
    ///
    /// - Throws: `SettingError` for a value that may not be written, instead of falling back to the default silently.
    func value<Value>(_ setting: Setting<Value>) throws(SettingError) -> Value {
        let written = reader.string(forKey: ConfigKey(setting.key), default: setting.fallback).unquoted
        guard let value = setting.parse(written) else {
            throw SettingError(
                description: """
                    \(setting.variable) (--\(setting.flag)) is '\(DatabaseURL.redacting(written))': \
                    it must be \(setting.expected)
                    """
            )
        }
        return value
    }
}

/// One line: which setting, what it was, what it may be.
struct SettingError: Error, Equatable, CustomStringConvertible {
    let description: String
}

extension String {
    /// Without a pair of quotes around it, which a shell would have taken away and a `.env` file's reader keeps.
    fileprivate var unquoted: String {
        guard count >= 2, let first, first == last, first == "\"" || first == "'" else { return self }
        return String(dropFirst().dropLast())
    }
}

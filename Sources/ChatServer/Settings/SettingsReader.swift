import Foundation
import SystemPackage

/// The configured values: the command line overrides the environment, which overrides `.env`, then come the defaults.
struct SettingsReader {
    /// One line for each variable that looks like a setting but is not one.
    let warnings: [String]
    private let written: [String: WrittenSetting]

    /// - Throws: `SettingError` if `.env` is invalid: ignoring it could silently select another database.
    init(given: [GivenSetting]) async throws {
        var written: [String: WrittenSetting] = [:]
        let environment = ProcessInfo.processInfo.environment
        for entry in try await EnvironmentFile.read(".env", environment: environment)?.entries ?? [] {
            written[entry.name] = WrittenSetting(value: entry.value, origin: .file(entry.name, line: entry.line))
        }
        for (name, value) in environment {
            written[name] = WrittenSetting(value: value, origin: .environment(name))
        }
        let known = Settings.all.map(\.variable) + Settings.secretVariables
        warnings = written.sorted { $0.key < $1.key }.compactMap { name, setting in
            guard let nearest = known.nearest(toUnknown: name) else { return nil }
            return "\(setting.origin) is not a setting; did you mean \(nearest)?"
        }
        for given in given {
            written[given.setting.variable] = WrittenSetting(
                value: given.value,
                origin: .commandLine(flag: given.setting.flag)
            )
        }
        self.written = written
    }

    /// The setting's value.
    ///
    /// - Throws: `SettingError` if the value is invalid, rather than silently using the default.
    func value<Value>(_ setting: Setting<Value>) throws(SettingError) -> Value {
        guard let value = setting.parse(text(of: setting)) else { throw error(of: setting) }
        return value
    }

    private func text(of setting: any NamedSetting) -> String {
        written[setting.variable]?.value ?? setting.fallback
    }

    private func error(of setting: any NamedSetting) -> SettingError {
        let text = DatabaseURL.redacting(text(of: setting))
        return SettingError(description: "\(name(of: setting)) is '\(text)': it must be \(setting.expected)")
    }

    /// The secret's value; nil if it is not set.
    ///
    /// - Throws: `SettingError` if the value is invalid or empty: losing the value must not turn authentication off.
    func value<Value>(_ secret: SecretSetting<Value>) throws(SettingError) -> Value? {
        guard let written = written[secret.variable] else { return nil }
        guard let value = secret.parse(written.value) else {
            throw SettingError(description: "\(written.origin) is invalid: it must be \(secret.expected)")
        }
        return value
    }

    /// An error for each setting and secret with an invalid value.
    var errors: [SettingError] {
        Settings.all.filter { !$0.accepts(text(of: $0)) }.map { error(of: $0) }
            + [error(of: Settings.jwtSecrets), error(of: Settings.serverKey)].compactMap(\.self)
    }

    private func error(of secret: SecretSetting<some Any>) -> SettingError? {
        do throws(SettingError) {
            _ = try value(secret)
            return nil
        } catch {
            return error
        }
    }

    /// The name under which the user set the value; the option's name if it is the default.
    func name(of setting: any NamedSetting) -> String {
        (written[setting.variable]?.origin ?? .commandLine(flag: setting.flag)).description
    }

    /// Prints the warnings to standard error, for commands without a log.
    func printWarnings() async throws {
        guard !warnings.isEmpty else { return }
        try await ByteStream(.standardError).write(Array(warnings.map { "Warning: \($0)\n" }.joined().utf8))
    }
}

/// A value that the user set, and where.
private struct WrittenSetting {
    enum Origin: CustomStringConvertible {
        case commandLine(flag: String)
        case environment(String)
        case file(String, line: Int)

        var description: String {
            switch self {
            case .commandLine(let flag): "--\(flag)"
            case .environment(let name): name
            case .file(let name, let line): "\(name) (.env, line \(line))"
            }
        }
    }

    let value: String
    let origin: Origin
}

/// An invalid setting, in one line: its name, its value and what it must be.
struct SettingError: Error, Equatable, CustomStringConvertible {
    let description: String
}

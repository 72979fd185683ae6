import Logging

extension Logger {
    /// Creates the program's logger with the configured level.
    init(_ settings: SettingsReader, writer: LogWriter) throws(SettingError) {
        let level = try settings.value(Settings.logLevel)
        self.init(label: "chat-api") { _ in LineLogHandler(level: level, writer: writer) }
    }
}

import Logging

extension Logger {
    /// The program's logger, which writes to standard error.
    init(_ settings: SettingsReader, writer: LogWriter) throws(SettingError) {
        let level = try settings.value(Settings.logLevel)
        self.init(label: "chat-api") { _ in LineLogHandler(level: level, writer: writer) }
    }
}

import Logging

extension Logger {
    /// The program's logger, which writes to standard error.
    init(_ settings: SettingsReader, writer: LogWriter) throws(SettingError) {
        let level = try settings.value(Settings.logLevel)
        let format = try settings.value(Settings.logFormat)
        self.init(label: "chat-api") { _ in LineLogHandler(format: format, level: level, writer: writer) }
    }
}

import ChatAPI

extension ReadLimits {
    init(_ settings: SettingsReader) throws(SettingError) {
        self.init()
        maximumBytes = try settings.value(Settings.readBytes)
        maximumWaiting = try settings.value(Settings.queueSize)
        queueTimeout = try settings.value(Settings.queueTimeout)
    }
}

import ChatAPI

extension ReadLimits {
    init(_ settings: SettingsReader) throws(SettingError) {
        self.init()
        maximumBytes = try settings.value(Settings.readBytes)
        maximumWaiting = try settings.value(Settings.queueSize)
        patience = try settings.value(Settings.queueTimeout)
    }
}

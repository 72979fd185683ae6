import ChatAPI

extension HTTPLimits {
    init(_ settings: SettingsReader) throws(SettingError) {
        self.init()
        maximumBodyBytes = try settings.value(Settings.maximumBodyBytes)
        bodyTimeout = try settings.value(Settings.bodyTimeout)
        idleTimeout = try settings.value(Settings.idleTimeout)
        maximumHeaderBytes = try settings.value(Settings.maximumHeaderBytes)
        maximumConnections = try settings.value(Settings.maximumConnections)
    }
}

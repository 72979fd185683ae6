import HTTPConnections

extension HTTPLimits {
    init(_ settings: SettingsReader) throws(SettingError) {
        self.init()
        maximumBodyBytes = try settings.value(Settings.maximumBodyBytes)
        bodyTimeout = try settings.value(Settings.bodyTimeout)
        idleTimeout = try settings.value(Settings.idleTimeout)
        maximumHeaderBytes = try settings.value(Settings.maximumHeaderBytes)
        maximumConnections = try settings.value(Settings.maximumConnections)
        maximumConnectionsPerAddress = try settings.value(Settings.maximumConnectionsPerAddress)
        maximumSurplusConnections = try settings.value(Settings.maximumSurplusConnections)
        trustedProxies = try settings.value(Settings.trustedProxies)
        maximumUnsentBytes = try settings.value(Settings.maximumUnsentBytes)
        // A client must not be able to stay longer by leaving a request unfinished than by sending none.
        guard bodyTimeout < idleTimeout else {
            throw SettingError(
                description: """
                    \(settings.name(of: Settings.bodyTimeout)) is \(bodyTimeout): it must be shorter than \
                    \(settings.name(of: Settings.idleTimeout)), \(idleTimeout)
                    """
            )
        }
    }
}

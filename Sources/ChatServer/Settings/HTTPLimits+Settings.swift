import ChatAPI

extension HTTPLimits {
    init(_ settings: SettingsReader) throws(SettingError) {
        self.init()
        maximumBodyBytes = try settings.value(Settings.maximumBodyBytes)
        bodyTimeout = try settings.value(Settings.bodyTimeout)
        idleTimeout = try settings.value(Settings.idleTimeout)
        maximumHeaderBytes = try settings.value(Settings.maximumHeaderBytes)
        maximumConnections = try settings.value(Settings.maximumConnections)
        // The idle timeout runs while a body is on its way, too, and closes without an answer.
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

import ChatIdentity

extension TokenRules {
    init(_ settings: SettingsReader) throws(SettingError) {
        self.init(
            issuer: try settings.value(Settings.jwtIssuer),
            audience: try settings.value(Settings.jwtAudience),
            maximumAge: try settings.value(Settings.tokenMaximumAge)
        )
    }
}

/// The files that the settings for TLS name.
struct TLSFiles {
    let certificate: String
    let key: String

    /// Nil to serve plain HTTP.
    ///
    /// - Throws: `SettingError` if only one of the two is set.
    init?(_ settings: SettingsReader) throws(SettingError) {
        let certificate = try settings.value(Settings.tlsCertificate)
        let key = try settings.value(Settings.tlsKey)
        switch (certificate, key) {
        case (let certificate?, let key?):
            self.certificate = certificate
            self.key = key
        case (nil, nil):
            return nil
        case (_?, nil):
            let (given, missing) = (settings.name(of: Settings.tlsCertificate), settings.name(of: Settings.tlsKey))
            throw SettingError(description: "\(given) needs \(missing)")
        case (nil, _?):
            let (given, missing) = (settings.name(of: Settings.tlsKey), settings.name(of: Settings.tlsCertificate))
            throw SettingError(description: "\(given) needs \(missing)")
        }
    }
}

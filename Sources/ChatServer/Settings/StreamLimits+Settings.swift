import ChatLive

extension StreamLimits {
    init(_ settings: SettingsReader) throws(SettingError) {
        self.init()
        maximumStreams = try settings.value(Settings.maximumStreams)
        maximumStreamsPerAddress = try settings.value(Settings.maximumStreamsPerAddress)
        maximumChats = try settings.value(Settings.streamChats)
        heartbeat = try settings.value(Settings.streamHeartbeat)
        stallTimeout = try settings.value(Settings.streamStallTimeout)
        maximumLag = try settings.value(Settings.streamLag)
        authenticationTimeout = try settings.value(Settings.webSocketAuthTimeout)
        maximumReads = try settings.value(Settings.maximumStreamReads)
        typingInterval = try settings.value(Settings.typingInterval)
        maximumTypingPerChat = try settings.value(Settings.maximumTypingPerChat)
        checkInterval = try settings.value(Settings.streamCheckInterval)
    }
}

import Testing
import WebSocket

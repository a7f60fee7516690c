package database

var (
	CheckServer = checkServer
	Rooms       = rooms
)

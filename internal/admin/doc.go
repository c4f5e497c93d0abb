// Package admin carries out administration commands, such as an import, in the
// process that has the database. That is this process, or, for the embedded
// database, the server that runs on its folder: the command then goes to it over a
// Unix socket in the folder, which only the folder's owner may use.
//
//	command.go  commands, and where they are carried out
//	client.go   sends a command to the server
//	socket.go   takes commands, in the server
//	path.go     the socket's address
//
// One connection carries one command: a line of JSON there, lines of JSON back, the
// last of which says how it ended.
package admin

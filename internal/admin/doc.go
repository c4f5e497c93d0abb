// Package admin runs administration commands, such as an import, in the process that has
// the database open. That is this process or, for the embedded database, the server that
// uses its folder: the command is then sent to the server over a Unix socket in the
// folder, which only the folder's owner may use.
//
//	command.go  commands, and where they run
//	client.go   sending a command to the server
//	socket.go   accepting commands in the server
//	path.go     the socket's address
//
// One connection carries one command: a line of JSON as the request, and lines of JSON
// as the answer, the last of which says how the command ended.
package admin

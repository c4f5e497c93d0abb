// Package web is the pages: server-rendered, with no assets from elsewhere. It
// asks for what it shows through interfaces of its own.
package web

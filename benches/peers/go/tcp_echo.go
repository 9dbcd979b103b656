package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

const connections = 100

func size(n int) int {
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	return n
}

func metric(name string, v float64, unit string) { fmt.Printf("# %s %.3f %s\n", name, v, unit) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func serve(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		_, err = c.Write(buf[:n])
		must(err)
	}
}

func ask(c net.Conn, trips int) int {
	defer c.Close()
	message, buf, got := make([]byte, 64), make([]byte, 64), 0
	for i := 0; i < trips; i++ {
		_, err := c.Write(message)
		must(err)
		n, err := io.ReadFull(c, buf)
		must(err)
		got += n
	}
	return got
}

func main() {
	trips := size(2000)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	var clients []net.Conn
	for i := 0; i < connections; i++ {
		c, err := net.Dial("tcp", server.Addr().String())
		must(err)
		clients = append(clients, c)
	}
	t0 := time.Now()
	results := make(chan int)
	for _, c := range clients {
		go func(c net.Conn) { results <- ask(c, trips) }(c)
	}
	got := 0
	for range clients {
		got += <-results
	}
	d := time.Since(t0)
	server.Close()
	fmt.Println(got)
	metric("request_ns", float64(d.Nanoseconds())/float64(connections*trips), "ns/op")
}

module map

go 1.19

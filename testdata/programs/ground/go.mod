module example.com/ground

go 1.21

require example.com/units v0.0.0

replace example.com/units => ./lib/units

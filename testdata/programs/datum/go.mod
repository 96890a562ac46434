module example.com/datum

go 1.21

module gotemplate/oracle

go 1.24

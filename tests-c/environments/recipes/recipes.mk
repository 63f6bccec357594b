# What the documents say to type; README.md has the rules.

##@ Programs and documents
.PHONY: check-recipes
check-recipes: all ## Run every command and program that the documents show; DOCUMENTS="..." for some of them
	@scripts/require-tools cc
	+@scripts/tap tests-c/environments/recipes/run $(VERSION) $(DOCUMENTS)
